import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from portal.local.mailbox import KEPT, Folder
from tests.ports import free_port

pytestmark = pytest.mark.slow


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    program = subprocess.Popen(
        [sys.executable, "-m", "portal.local.mailbox", str(port), str(tmp_path)],
        stdout=subprocess.PIPE,
    )
    assert program.stdout is not None
    with program.stdout as out:
        assert b"listens" in out.readline()
        yield port
    program.terminate()
    assert program.wait(10) == 0


def send(port: int, *, to: str, subject: str) -> None:
    mail = EmailMessage()
    mail["From"] = "Banca Aurelia <no-reply@portal.localhost>"
    mail["To"] = to
    mail["Subject"] = subject
    mail.set_content("Perché no?\n")
    mail.add_alternative("<p>Perché no?</p>", subtype="html")
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as line:
        line.send_message(mail)


def test_what_is_mailed_is_kept_for_whom_it_was_sent_to(port: int, tmp_path: Path) -> None:
    for subject in ("First", "Second"):
        send(port, to="ada@post.example", subject=subject)
        time.sleep(0.01)
    send(port, to="bob@post.example", subject="Not hers")

    kept = Folder(tmp_path).mails(to={"ada@post.example"})

    assert [each.subject for each in kept] == ["Second", "First"]
    assert (kept[0].sender, kept[0].to) == ("Banca Aurelia", "ada@post.example")
    assert kept[0].part("plain").strip() == "Perché no?"
    assert kept[0].part("html").strip() == "<p>Perché no?</p>"
    again = Folder(tmp_path).mail(kept[1].name)
    assert (again and again.subject) == "First"
    assert Folder(tmp_path).mail("../secrets.json") is None


def test_old_mails_make_room(port: int, tmp_path: Path) -> None:
    for number in range(KEPT + 5):
        (tmp_path / f"{number:013}-000.eml").write_text("Subject: old\n\n")

    send(port, to="ada@post.example", subject="New")

    assert len(list(tmp_path.glob("*.eml"))) == KEPT
    assert [each.subject for each in Folder(tmp_path).mails(to={"ada@post.example"})] == ["New"]


def test_a_damaged_file_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "nonsense.eml").write_bytes(b"\xff\xfe")

    assert Folder(tmp_path).mails(to={"ada@post.example"}) == []
    assert Folder(tmp_path / "missing").mails(to={"ada@post.example"}) == []
