"""The routes of uploads, documents and videos."""
