"""Pictures of every kind get in upright and in 8 bits; everything else gets a sentence and a remedy."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from core import pictures
from core.errors import InputProblem
from core.pictures import Picture, Refused, clean_name, display_name, kind_of, read_picture, unpack, walk

RED, WHITE = (255, 0, 0), (255, 255, 255)
RED_BGR, WHITE_BGR = [0, 0, 255], [255, 255, 255]


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png(width: int = 32, height: int = 24) -> bytes:
    return encoded(Image.new("RGB", (width, height), RED), "PNG")


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))

    header = struct.pack(">LLBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def tiff(pixels: bytes, side: int, bits: int, photometric: int) -> bytes:
    """A grey TIFF, little-endian and uncompressed, of kinds that Pillow reads but does not write."""
    entries = ((256, side), (257, side), (258, bits), (259, 1), (262, photometric), (273, 8), (277, 1), (278, side), (279, len(pixels)))
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHLL", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<L", 8 + len(pixels)) + pixels + directory + b"\0\0\0\0"


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            archive.writestr(info, content)
    return out.getvalue()


def refusal(name: str, content: bytes) -> InputProblem:
    with pytest.raises(InputProblem) as caught:
        read_picture(name, content)
    assert caught.value.remedy.endswith(".")
    return caught.value


def delivered(content: bytes) -> list[str]:
    return [item[0] for item in unpack("faces.zip", content) if not isinstance(item, Refused)]


def refused(content: bytes) -> dict[str, str]:
    return {item.name: item.problem.happened for item in unpack("faces.zip", content) if isinstance(item, Refused)}


# --- pictures that are read


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF"])
def test_every_usual_format_gives_a_contiguous_bgr_picture(kind: str) -> None:
    picture = read_picture("x", encoded(Image.new("RGB", (32, 24), RED), kind))

    assert picture.image_bgr.shape == (24, 32, 3)
    assert picture.image_bgr.dtype == np.uint8
    assert picture.image_bgr.flags.c_contiguous
    assert picture.image_bgr.flags.writeable
    assert np.abs(picture.image_bgr.astype(int) - RED_BGR).max() <= 3
    assert (picture.name, picture.note) == ("x", "")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_pictures_are_turned_upright_from_all_eight_exif_orientations(kind: str, orientation: int) -> None:
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :24] = 255  # the upper left quarter is white, and the picture is wider than high
    stored = {  # how a camera held in that way stores it (EXIF 2.3, 4.6.4)
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation

    read = read_picture("phone.jpg", encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif)).image_bgr

    assert read.shape == upright.shape
    assert np.abs(read.astype(int) - upright).mean() < 3


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # Pillow's, for the log
def test_damaged_exif_does_not_spoil_a_picture() -> None:
    content = encoded(Image.new("RGB", (32, 24), RED), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12")

    assert read_picture("x.jpg", content).image_bgr.shape == (24, 32, 3)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_rather_than_clipped(kind: str) -> None:
    levels = np.linspace(0, 65535, 256).round().astype(np.uint16)

    read = read_picture("x", encoded(Image.fromarray(np.tile(levels, (16, 1))), kind)).image_bgr

    assert np.array_equal(read[0, :, 0], np.arange(256))


def test_sixteen_bit_pgm_is_scaled_too() -> None:
    content = b"P5 256 16 65535\n" + np.tile(np.linspace(0, 65535, 256).round().astype(">u2"), (16, 1)).tobytes()

    assert np.array_equal(read_picture("x.pgm", content).image_bgr[3, :, 1], np.arange(256))


def test_a_tiff_in_which_white_is_zero_comes_out_right() -> None:
    pixels = np.full((16, 16), 65535, "<u2").tobytes()

    assert read_picture("x.tif", tiff(pixels, 16, 16, photometric=1)).image_bgr.max() == 255
    assert read_picture("x.tif", tiff(pixels, 16, 16, photometric=0)).image_bgr.max() == 0


def test_twelve_bit_tiff_is_scaled_over_its_own_range() -> None:
    assert read_picture("x.tif", tiff(b"\xff\xff\xff" * 128, 16, 12, photometric=1)).image_bgr.min() == 255


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])  # Pillow writes CMYK JPEGs inverted and with Adobe's mark, as Photoshop does
def test_cmyk_becomes_the_colour_it_prints(kind: str) -> None:
    read = read_picture("x", encoded(Image.new("CMYK", (32, 24), (0, 255, 255, 0)), kind)).image_bgr

    assert np.abs(read.astype(int) - RED_BGR).max() <= 3


def test_transparent_parts_are_white() -> None:
    half = Image.new("RGBA", (32, 24), (255, 0, 0, 0))
    half.paste(RED, (0, 0, 16, 24))
    palette = half.convert("RGB").quantize(2)
    palette.info["transparency"] = palette.getpixel((0, 0))

    read = read_picture("x.png", encoded(half, "PNG")).image_bgr
    assert read[0, 0].tolist() == RED_BGR
    assert read[0, 31].tolist() == WHITE_BGR
    assert read_picture("x.gif", encoded(palette, "GIF")).image_bgr[0, 0].tolist() == WHITE_BGR
    assert read_picture("x.png", encoded(Image.new("LA", (32, 24), (0, 0)), "PNG")).image_bgr.min() == 255


def test_black_and_white_pictures_keep_black_and_white() -> None:
    image = Image.new("1", (32, 24), 0)
    image.paste(1, (0, 0, 16, 24))

    read = read_picture("x.png", encoded(image, "PNG")).image_bgr

    assert (read[0, 0, 0], read[0, 31, 0]) == (255, 0)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_an_animation_the_first_frame_is_used_and_said_so(kind: str) -> None:
    later = [Image.new("RGB", (32, 24), (0, 0, shade)) for shade in (100, 200)]

    picture = read_picture("x", encoded(Image.new("RGB", (32, 24), RED), kind, save_all=True, append_images=later))

    assert picture.note == "The first of 3 frames was used."
    assert np.abs(picture.image_bgr.astype(int) - RED_BGR).max() <= 3


def test_the_content_decides_and_not_the_name() -> None:
    assert read_picture("photo.jpg", png()).image_bgr.shape == (24, 32, 3)


def test_a_very_large_jpeg_is_read_at_half_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_PIXELS", 100 * 60)
    monkeypatch.setattr(pictures, "MAX_DRAFT_PIXELS", 4 * 100 * 60)
    large = Image.new("RGB", (200, 120), RED)

    picture = read_picture("x.jpg", encoded(large, "JPEG"))

    assert picture.image_bgr.shape == (60, 100, 3)
    assert picture.note == "The picture was read at half its size, 100 × 60 pixels, because it is very large."
    assert "200 × 120 pixels" in refusal("x.jpg", encoded(large, "JPEG", progressive=True)).happened  # needs the memory of the whole
    assert "200 × 121 pixels" in refusal("x.jpg", encoded(large.resize((200, 121)), "JPEG")).happened
    assert "200 × 120 pixels" in refusal("x.png", encoded(large, "PNG")).happened


# --- pictures that are refused


def test_an_empty_file_is_refused() -> None:
    assert refusal("a.jpg", b"").happened == "“a.jpg” is empty (0 bytes)."


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF"])
def test_a_picture_cut_off_in_the_middle_is_refused(kind: str) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (64, 64, 3), np.uint8)
    content = encoded(Image.fromarray(noise), kind)

    problem = refusal("a.jpg", content[: len(content) // 2])

    assert problem.happened == "“a.jpg” is damaged, cut off or without any pixels."
    assert problem.remedy == "Copy or download it again; if another program opens it, save it there as JPEG or PNG."


def test_a_picture_without_pixels_is_refused() -> None:
    assert refusal("a.png", png_header(0, 0)).happened == "“a.png” is damaged, cut off or without any pixels."


@pytest.mark.parametrize(("width", "height"), [(1, 1), (15, 400), (400, 15)])
def test_a_picture_too_small_for_a_face_is_refused(width: int, height: int) -> None:
    problem = refusal("a.png", png(width, height))

    assert problem.happened == f"“a.png” has {width} × {height} pixels, too few to show a face."
    assert problem.remedy == "Use the original picture instead of a preview; it needs at least 16 pixels a side."
    assert read_picture("a.png", png(16, 16)).image_bgr.shape == (16, 16, 3)


@pytest.mark.parametrize(("width", "height"), [(50_000, 50_000), (9_000, 9_000), (10_000, 12_000)])  # Pillow would warn of the last
def test_an_image_bomb_is_refused_by_its_header(
    width: int, height: int, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setattr(pictures.PngImageFile, "load", lambda self: pytest.fail("decoded"))

    problem = refusal("bomb.png", png_header(width, height))

    assert problem.happened == f"“bomb.png” has {width:,} × {height:,} pixels, more than the 80 million that are read at most."
    assert problem.remedy == "Save a smaller copy, for example 4,000 pixels wide; faces need only about 100 pixels."
    assert not recwarn.list


def test_reading_leaves_pillow_as_it_was() -> None:
    from PIL import ImageFile

    read_picture("x.png", png())

    assert Image.MAX_IMAGE_PIXELS == 89_478_485
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


@pytest.mark.parametrize("text", ["I am not a picture.", "\ufeff<!DOCTYPE html>\n" + "<p>Grüße 🙂" * 500])
def test_a_text_file_called_jpg_is_refused(text: str) -> None:
    problem = refusal("a.jpg", text.encode())

    assert problem.happened == "“a.jpg” holds text instead of a picture, perhaps a web page that was saved under its name."


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40), "“a.jpg” is a HEIC picture, a format of Apple that is not read here."),
        (b"\0\0\0\x18ftypisom" + bytes(40), "“a.jpg” holds a video instead of a picture."),
        (b"\x1aE\xdf\xa3" + bytes(40), "“a.jpg” holds a video instead of a picture."),
        (zipped(("a.jpg", b"")), "“a.jpg” holds a zip file or a document instead of a picture."),
        (b"%!PS-Adobe-3.0 EPSF\n\xff\xfe", "“a.jpg” is not a picture of a kind that is read here."),  # Pillow would start Ghostscript
        (bytes(100), "“a.jpg” is not a picture of a kind that is read here."),
    ],
)
def test_other_files_under_a_pictures_name_are_told_apart(content: bytes, expected: str) -> None:
    assert refusal("a.jpg", content).happened == expected


def test_heic_comes_with_the_way_to_jpeg() -> None:
    remedy = refusal("a.heic", b"\0\0\0\x18ftypheic" + bytes(40)).remedy

    assert remedy == "Open it and export it as JPEG; an iPhone takes JPEGs after Settings › Camera › Formats › Most Compatible."


@pytest.mark.parametrize("mode", ["I", "F"])
def test_thirty_two_bit_pictures_are_refused_instead_of_clipped(mode: str) -> None:
    problem = refusal("a.tif", encoded(Image.new(mode, (32, 24), 70_000), "TIFF"))

    assert problem.happened == "“a.tif” stores its brightness with 32 bits or with negative numbers, whose black and white are not known."


SEEDS = [encoded(Image.new(mode, (20, 18), 1), kind) for kind in ("PNG", "GIF", "TIFF", "BMP") for mode in ("L", "P")] + [
    encoded(Image.new("RGB", (20, 18), RED), kind) for kind in ("JPEG", "WEBP", "PPM", "AVIF")
]


@st.composite
def damaged_pictures(draw: st.DrawFn) -> bytes:
    content = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content[: draw(st.integers(len(content) // 2, len(content)))])


@given(content=st.binary(max_size=300) | damaged_pictures(), name=st.text(max_size=20))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_a_picture_or_an_input_problem(content: bytes, name: str) -> None:
    try:
        picture = read_picture(name, content)
    except InputProblem as problem:
        assert problem.happened  # noqa: PT017 (a picture is as good)
        assert problem.remedy  # noqa: PT017
    else:
        assert isinstance(picture, Picture)
        assert picture.image_bgr.dtype == np.uint8
        assert picture.image_bgr.shape[2] == 3
        assert min(picture.image_bgr.shape[:2]) >= 16


# --- names


def test_names_are_safe_to_show() -> None:
    assert display_name("photo\u202egpj.exe") == "photogpj.exe"
    assert display_name("a\x00b\x1b[31m\u200b.jpg") == "ab[31m.jpg"
    assert display_name("two\nlines\u2028.jpg") == "two lines .jpg"
    assert display_name("\udcff.jpg") == "�.jpg"
    assert display_name("\r\n\x07") == "unnamed"
    assert display_name("<b>Ärztin</b> 👩🏽\u200d⚕️ می\u200cخواهم.jpg") == "<b>Ärztin</b> 👩🏽\u200d⚕️ می\u200cخواهم.jpg"


def test_long_names_are_shortened_in_the_middle() -> None:
    shown = display_name("a" * 150 + "b" * 146 + ".jpg")

    assert shown == "a" * 39 + "…" + "b" * 36 + ".jpg"
    assert len(shown) == 80
    assert clean_name("a" * 300) == "a" * 300


@given(st.text())
def test_a_shown_name_is_short_encodable_and_stays_as_it_is(name: str) -> None:
    shown = display_name(name)

    assert 0 < len(shown) <= 80
    assert shown.encode()
    assert display_name(shown) == shown


def test_long_and_hostile_names_appear_shortened_in_problems() -> None:
    assert refusal("x" * 300 + "\u202e.jpg", b"").happened == f"“{'x' * 39}…{'x' * 36}.jpg” is empty (0 bytes)."


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.JPG", "picture"),
        ("a.heic", "picture"),
        ("b/c.Mp4", "video"),
        ("a.zip", "zip"),
        ("a.csv", "other"),
        ("jpg", "other"),
        ("x\\.png", "other"),
    ],
)
def test_the_kind_of_a_file_is_told_by_its_ending(name: str, kind: str) -> None:
    assert kind_of(name) == kind


# --- zips


def test_a_zip_gives_its_pictures_and_says_what_it_leaves_out() -> None:
    content = zipped(
        ("faces/", b""),
        ("faces/a.jpg", b"first"),
        ("clip.mp4", b"video"),
        ("inner.zip", b"zip"),
        ("labels.csv", b"text"),
        ("faces/b.png", b"second"),
        ("__MACOSX/faces/._a.jpg", b"hidden"),
        (".hidden.jpg", b"hidden"),
        (".git/c.jpg", b"hidden"),
        ("faces/Thumbs.db", b"hidden"),
    )

    assert [item for item in unpack("faces.zip", content) if not isinstance(item, Refused)] == [
        ("faces/a.jpg", b"first"),
        ("faces/b.png", b"second"),
    ]
    assert refused(content) == {
        "clip.mp4": "“clip.mp4” in “faces.zip” is a video.",
        "inner.zip": "“inner.zip” in “faces.zip” is a zip inside a zip.",
        "labels.csv": "“labels.csv” in “faces.zip” is not a picture, to judge by its name.",
    }


def test_a_zip_is_read_from_bytes_a_path_or_an_open_file(tmp_path: Path) -> None:
    content = zipped(("a.jpg", b"one"))
    path = tmp_path / "faces.zip"
    path.write_bytes(content)

    with path.open("rb") as file:
        assert list(unpack("z", content)) == list(unpack("z", path)) == list(unpack("z", file)) == [("a.jpg", b"one")]
        assert not file.closed


@pytest.mark.parametrize(
    "name",
    ["../../a.jpg", "/a.jpg", "..\\..\\a.jpg", "C:\\a.jpg", "c:a.jpg", "\\\\.\\a.jpg", "./../../a.jpg", "..\u202e/a.jpg", ".. /a\x07.jpg"],
)
def test_names_that_lead_out_of_the_zip_are_cleaned_and_never_written(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")

    assert list(unpack("z", zipped((name, b"content")))) == [("a.jpg", b"content")]
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]
    assert not list((tmp_path / "inner").iterdir())


@pytest.mark.filterwarnings("ignore:Duplicate name")  # from the zipfile module, which writes this zip
def test_members_of_the_same_name_are_all_read_under_names_of_their_own() -> None:
    content = zipped(("x/a.jpg", b"1"), ("x/a (2).jpg", b"2"), ("x/a.jpg", b"3"), ("../x/a.jpg", b"4"))

    assert list(unpack("z", content)) == [("x/a.jpg", b"1"), ("x/a (2).jpg", b"2"), ("x/a (3).jpg", b"3"), ("x/a (4).jpg", b"4")]


def test_locked_and_unusually_packed_members_are_refused_and_the_rest_is_read() -> None:
    locked = bytearray(zipped(("a.jpg", b"secret"), ("b.jpg", b"open")))
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1

    assert refused(bytes(locked)) == {"a.jpg": "“a.jpg” in “faces.zip” is locked with a password."}
    assert delivered(bytes(locked)) == ["b.jpg"]
    assert refused(zipped(("a.jpg", b"x"), method=zipfile.ZIP_BZIP2)) == {"a.jpg": "“a.jpg” in “faces.zip” is packed in an unusual way."}


def test_a_damaged_member_is_refused_and_the_rest_is_read() -> None:
    content = bytearray(zipped(("a.jpg", b"face" * 9), ("b.jpg", b"other"), method=zipfile.ZIP_STORED))
    content[content.index(b"face")] ^= 0xFF

    assert refused(bytes(content)) == {"a.jpg": "“a.jpg” in “faces.zip” is damaged."}
    assert delivered(bytes(content)) == ["b.jpg"]


@pytest.mark.parametrize("content", [b"", b"not a zip", zipped(("a.jpg", b"x"))[:-30]])
def test_what_is_no_zip_is_refused_as_a_whole(content: bytes) -> None:
    assert refused(content) == {
        "faces.zip": "“faces.zip” cannot be opened as a zip: it is empty, damaged, cut off, or something else under that name."
    }


def test_a_zip_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert [type(item) for item in unpack("z", tmp_path / "gone.zip")] == [Refused]


@pytest.mark.parametrize("members", [[], [("folder/", b"")], [("__MACOSX/._a.jpg", b"")]])
def test_an_empty_zip_is_refused(members: list[tuple[str, bytes]]) -> None:
    assert refused(zipped(*members)) == {"faces.zip": "There are no files in “faces.zip”."}


def test_a_zip_bomb_is_stopped_at_each_member_and_in_total(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_MEMBER_BYTES", 2_000_000)
    monkeypatch.setattr(pictures, "MAX_ZIP_BYTES", 5_000_000)
    content = zipped(("small.jpg", b"x"), *((f"{number}.jpg", bytes(9_000_000)) for number in range(6)))

    items = list(unpack("faces.zip", content))

    assert items[0] == ("small.jpg", b"x")
    problems = [item.problem.happened for item in items[1:] if isinstance(item, Refused)]
    assert problems[:3] == [f"“{number}.jpg” in “faces.zip” unpacks to more than 2 MB, which no photo needs." for number in range(3)]
    assert problems[3:] == ["“faces.zip” holds more than is read from one zip; its last 3 files were left out."]


def test_damaged_members_count_towards_the_total_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_ZIP_BYTES", 1_000)
    content = zipped(*((f"{number}.jpg", b"face" * 300) for number in range(3)), method=zipfile.ZIP_STORED).replace(b"face", b"fake")

    assert list(refused(content)) == ["0.jpg", "faces.zip"]


@pytest.mark.parametrize("claimed", [10, 2**31])
def test_a_member_is_measured_whatever_the_zip_claims(claimed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_MEMBER_BYTES", 1_000_000)
    content = bytearray(zipped(("a.jpg", bytes(5_000_000)), ("b.jpg", b"fine")))
    struct.pack_into("<L", content, content.index(b"PK\x01\x02") + 24, claimed)
    sizes = []
    read = zipfile.ZipExtFile.read
    monkeypatch.setattr(zipfile.ZipExtFile, "read", lambda self, n: sizes.append(n) or read(self, n))

    assert list(refused(bytes(content))) == ["a.jpg"]
    assert delivered(bytes(content)) == ["b.jpg"]
    assert max(sizes) <= 1_000_001


def test_too_many_members_are_cut_off_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    content = zipped(*((f"{number}.jpg", b"x") for number in range(5)))
    monkeypatch.setattr(pictures, "MAX_MEMBERS", 3)

    assert delivered(content) == ["0.jpg", "1.jpg", "2.jpg"]
    assert refused(content) == {"faces.zip": "“faces.zip” holds more than is read from one zip; its last 2 files were left out."}

    monkeypatch.setattr(pictures, "MAX_DIRECTORY_BYTES", 100)
    assert refused(content) == {"faces.zip": "“faces.zip” lists more files than can be read from one zip."}


def test_a_huge_table_of_contents_is_noticed_in_a_zip64_too(monkeypatch: pytest.MonkeyPatch) -> None:
    end64 = b"PK\x06\x06" + struct.pack("<QHHLLQQQQ", 44, 45, 45, 0, 0, 1, 1, 10**12, 0)
    end = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    monkeypatch.setattr(pictures, "MAX_DIRECTORY_BYTES", 100)

    assert refused(bytes(100) + end64 + end) == {"faces.zip": "“faces.zip” lists more files than can be read from one zip."}
    assert "damaged" in refused(end64 + end)["faces.zip"]  # no table can be larger than its file


def test_members_are_unpacked_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    content = zipped(("a.jpg", b"1"), ("b.jpg", b"2"))
    opened = []
    open_member = zipfile.ZipFile.open
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda self, info: opened.append(info.filename) or open_member(self, info))

    items = unpack("z", content)

    assert opened == []
    assert next(items) == ("a.jpg", b"1")
    assert opened == ["a.jpg"]


ZIP_SEEDS = [
    zipped(("a.jpg", b"face" * 5), ("b/c.png", bytes(50))),
    zipped(("ä.jpg", b"x"), method=zipfile.ZIP_STORED),
    zipped(("a.jpg", b"x"), method=zipfile.ZIP_LZMA),
]


@st.composite
def damaged_zips(draw: st.DrawFn) -> bytes:
    content = bytearray(draw(st.sampled_from(ZIP_SEEDS)))
    for _ in range(draw(st.integers(1, 5))):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content)


def check_items(items: Iterator[tuple[str, bytes] | Refused]) -> None:
    for item in items:
        name = item.name if isinstance(item, Refused) else item[0]
        assert name
        assert name == clean_name(name)
        assert not name.startswith("/")
        assert ".." not in name.split("/")


@given(st.binary(max_size=200) | damaged_zips())
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_unpacked_or_refused(content: bytes) -> None:
    check_items(unpack("faces.zip", content))


@given(
    st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]) | st.sampled_from("./\\:\0"), min_size=1, max_size=12), max_size=4)
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.filterwarnings("ignore:Duplicate name")  # from the zipfile module, which writes this zip
def test_any_member_names_are_unpacked_or_refused(names: list[str]) -> None:
    items = list(unpack("z", zipped(*((f"{name}.jpg", b"x") for name in names))))

    check_items(iter(items))
    assert len(items) <= max(1, len(names))


# --- folders


def test_folders_are_walked_in_order_and_files_passed_on(tmp_path: Path) -> None:
    for name in ("b/2.jpg", "b/1.PNG", "b/notes.txt", "a.mp4", "z.zip", "c/.hidden/1.jpg", ".DS_Store", "b/.x.jpg", "a/3.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    found = list(walk([tmp_path / "b" / "notes.txt", tmp_path]))

    assert found == [tmp_path / name for name in ("b/notes.txt", "a.mp4", "z.zip", "a/3.jpg", "b/1.PNG", "b/2.jpg")]


def test_links_out_of_the_folder_and_in_circles_are_not_followed(tmp_path: Path) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    for each in (folder, outside):
        each.mkdir()
        (each / "a.jpg").touch()
    try:
        (folder / "out.jpg").symlink_to(outside / "a.jpg")
        (folder / "out").symlink_to(outside)
        (folder / "circle").symlink_to(folder)
        (folder / "self.jpg").symlink_to(folder / "self.jpg")
        (folder / "broken.jpg").symlink_to(folder / "gone.jpg")
        (folder / "same.jpg").symlink_to(folder / "a.jpg")
    except OSError:
        pytest.skip("this system lets only administrators make links")

    assert list(walk([folder])) == [folder / "a.jpg", folder / "same.jpg"]


def test_missing_paths_and_empty_folders_are_refused_and_the_rest_is_walked(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    (tmp_path / "empty").mkdir()
    long_name = Path("x" * 300)

    first, second, third, fourth = walk([Path("gone.jpg"), long_name, tmp_path / "empty", tmp_path / "a.jpg"])

    assert isinstance(first, Refused)
    assert isinstance(second, Refused)
    assert isinstance(third, Refused)
    assert first.problem.happened == "There is no file or folder “gone.jpg”."
    assert first.problem.remedy == "Check the spelling, and whether its drive is connected."
    assert second.name == "x" * 300
    assert third.problem.happened.startswith("There are no pictures or videos in the folder “")
    assert fourth == tmp_path / "a.jpg"


def test_a_folder_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locked").mkdir()
    (tmp_path / "a.jpg").touch()
    iterdir = Path.iterdir

    def guarded(self: Path) -> Iterator[Path]:
        if self.name == "locked":
            raise PermissionError
        return iterdir(self)

    monkeypatch.setattr(Path, "iterdir", guarded)

    first, second = walk([tmp_path])

    assert first == tmp_path / "a.jpg"
    assert isinstance(second, Refused)
    assert second.problem.happened.endswith("locked” may not be read.")
