"""The addresses of uploads, documents and videos, and their pages."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path, re_path

from uploads.views.documents import (
    ChunksView,
    DocumentFileView,
    DocumentLinkView,
    DocumentsView,
    DocumentView,
)
from uploads.views.pages import SignInView, document_page, documents_page, notifications_page, videos_page
from uploads.views.receiving import AsyncUploadView, ResumeView, VideoIntroView
from uploads.views.resumable import ResumableUploadsView, ResumableUploadView
from uploads.views.searching import SearchView
from uploads.views.videos import LinkedFileView, VideoLinkView, VideoPartView, VideosView, VideoView

urlpatterns = [
    path("api/upload/video-intro", VideoIntroView.as_view(), name="video-intro"),
    path("api/candidates/resume-process", ResumeView.as_view(), name="resume-process"),
    path("api/documents/async-upload", AsyncUploadView.as_view(), name="documents-async-upload"),
    path("api/documents/search", SearchView.as_view(), name="documents-search"),
    path("api/documents", DocumentsView.as_view(), name="documents"),
    path("api/documents/<uuid:document_id>", DocumentView.as_view(), name="document"),
    path("api/documents/<uuid:document_id>/chunks", ChunksView.as_view(), name="document-chunks"),
    path("api/documents/<uuid:document_id>/file", DocumentFileView.as_view(), name="document-file"),
    path("api/documents/<uuid:document_id>/link", DocumentLinkView.as_view(), name="document-link"),
    path("api/videos", VideosView.as_view(), name="videos"),
    path("api/videos/<uuid:video_id>", VideoView.as_view(), name="video"),
    path("api/videos/<uuid:video_id>/link", VideoLinkView.as_view(), name="video-link"),
    re_path(
        r"^api/videos/(?P<video_id>[0-9a-f-]{36})/(?P<part>file|poster|strip|waveform)$",
        VideoPartView.as_view(),
        name="video-part",
    ),
    path("api/files/<str:token>", LinkedFileView.as_view(), name="linked-file"),
    path("api/uploads", ResumableUploadsView.as_view(), name="resumable-uploads"),
    path("api/uploads/<uuid:upload_id>", ResumableUploadView.as_view(), name="resumable-upload"),
    path("login", SignInView.as_view(), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("documents", documents_page, name="documents-page"),
    path("documents/<uuid:document_id>", document_page, name="document-page"),
    path("videos", videos_page, name="videos-page"),
    path("notifications", notifications_page, name="notifications-page"),
]
