"""Documents the upload tests make for themselves, and where the shared real ones lie."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pypdfium2

FIXTURES = Path(os.environ.get("FIXTURES") or Path(__file__).parents[2] / "../shared/fixtures").resolve()

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_NAMES = (
    f'xmlns:w="{WORD}" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
)
_TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
ODT_MIME = "application/vnd.oasis.opendocument.text"


def zipped(parts: dict[str, str | bytes], *, stored: tuple[str, ...] = ()) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            kind = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=kind)
    return file.getvalue()


def docx(
    body: str = "<w:p><w:r><w:t>Hello</w:t></w:r></w:p>", *, prolog: str = "", **parts: str | bytes
) -> bytes:
    """Make a .docx from the inside of its body; `parts` are further files, named with "__" for "/"."""
    document = f'<?xml version="1.0"?>{prolog}<w:document {_NAMES}><w:body>{body}</w:body></w:document>'
    more = {name.replace("__", "/") + ".xml": content for name, content in parts.items()}
    return zipped({"[Content_Types].xml": _TYPES, "word/document.xml": document, **more})


def part(root: str, inside: str) -> str:
    return f'<?xml version="1.0"?><w:{root} {_NAMES}>{inside}</w:{root}>'


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def odt(text: str, **parts: str) -> bytes:
    names = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{short}:1.0"'
        for short in ("office", "text", "table")
    )
    content = f'<office:document-content {names} xmlns:xlink="http://www.w3.org/1999/xlink">{text}'
    content += "</office:document-content>"
    more = {name.replace("__", "/") + ".xml": value for name, value in parts.items()}
    return zipped({"mimetype": ODT_MIME, "content.xml": content, **more}, stored=("mimetype",))


def pdf(pages: int = 1, *, text: str = "Page {} says hello.", links: str = "") -> bytes:
    """Write a small PDF by hand: one line per page, no cross-reference streams."""
    kids = " ".join(f"{4 + 2 * at} 0 R" for at in range(pages))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for at in range(pages):
        stream = f"BT /F1 12 Tf 72 720 Td ({text.format(at + 1)}) Tj ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * at} 0 R "
            f"/Resources << /Font << /F1 3 0 R >> >> {links} >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n".encode()
    place = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += "".join(f"{offset:010d} 00000 n \n" for offset in offsets).encode()
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{place}\n%%EOF\n".encode()
    return bytes(out)


def picture_pdf(picture: object, width: float = 612, height: float = 792) -> bytes:
    """Put a Pillow image on a page of its own: a scan."""
    document = pypdfium2.PdfDocument.new()
    image = pypdfium2.PdfImage.new(document)
    image.set_bitmap(pypdfium2.PdfBitmap.from_pil(picture))
    image.set_matrix(pypdfium2.PdfMatrix().scale(width, height))
    page = document.new_page(width, height)
    page.insert_obj(image)
    page.gen_content()
    file = io.BytesIO()
    document.save(file)
    page.close()
    document.close()
    return file.getvalue()
