"""A chat in a browser: asked, streamed, stopped, asked again, kept; what it says stays text."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from studies.chatting import chat_event_record
from studies.models import Chat, ChatTurn, Job
from studies.selectors import turn_out

pytestmark = pytest.mark.browser
HOSTILE = (
    "# Title\n\nOf **course**, `x < 1`:\n\n- one\n- two\n\n<img src=x onerror=alert(1)>"
    "<script>alert(1)</script>\n\n![a](http://127.0.0.1:9/a.png) "
    "[bad](javascript:alert(1)) [good](https://example.org/)\n\n```py\nprint('<b>')\n```"
)


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)


@pytest.fixture
def opened(visit, study, make_trial):
    make_trial(study, 0)
    visitor = visit()
    page = visitor.goes_to(f"/studies/{study.pk}/trials/0/chat/")
    yield page
    assert visitor.complaints == []


def say(turn, **columns):
    """Add to the columns' texts, as a worker does."""
    news = {}
    for name, text in columns.items():
        before = getattr(turn, name)
        news[name] = {"at": len(before), "text": text}
        setattr(turn, name, before + text)
    turn.save()
    chat_event_record(turn.chat_id, "text", {"turn": turn.number, "columns": news})


def move(turn, status):
    Job.objects.filter(pk=turn.job_id).update(status=status)
    tell(turn)


def tell(turn):
    fresh = ChatTurn.objects.select_related("job", "parent").get(pk=turn.pk)
    chat_event_record(turn.chat_id, "turn", {"turn": turn_out(fresh, {})})


def finish(turn):
    turn.finished_at = timezone.now()
    turn.details = {name: {"n_tokens": 7, "ending": "end"} for name in ("original", "ablated")}
    turn.save()
    Job.objects.filter(pk=turn.job_id).update(status="done")
    tell(turn)


def ask(page, text):
    page.get_by_label("Your question").fill(text)
    page.get_by_label("Your question").press("Enter")


def test_both_answers_stream_and_a_reload_shows_the_same(opened, study):
    ask(opened, "Who did it?")
    turn_box = opened.locator("article.turn")
    expect(turn_box).to_contain_text("number 1 in the queue")
    turn = ChatTurn.objects.get()
    move(turn, "running")
    original = turn_box.locator("[data-column=original]")
    ablated = turn_box.locator("[data-column=ablated]")
    say(turn, original="I ca", ablated="The 🐈")
    expect(original).to_contain_text("I ca")
    say(turn, original="nnot **say**.", ablated=" did <b>it</b>.")
    expect(original).to_contain_text("I cannot **say**.")  # while it streams: text alone
    expect(ablated).to_contain_text("The 🐈 did <b>it</b>.")

    opened.reload()
    expect(original).to_contain_text("I cannot **say**.")
    say(turn, ablated=" Yes.")
    expect(ablated).to_contain_text("did <b>it</b>. Yes.")
    finish(turn)
    expect(original.locator("strong")).to_have_text("say")
    expect(ablated.locator("b")).to_have_count(0)
    expect(opened.get_by_role("button", name="Send")).to_be_visible()


def test_what_a_model_writes_is_shown_and_never_run(opened):
    ask(opened, "Show all")
    expect(opened.locator("article.turn")).to_be_visible()
    turn = ChatTurn.objects.get()
    turn.ablated = HOSTILE
    finish(turn)

    answer = opened.locator("[data-column=ablated]")
    expect(answer.locator("strong")).to_have_text("course")
    expect(answer.locator("li")).to_have_text(["one", "two"])
    expect(answer.locator("pre")).to_have_text("print('<b>')")
    expect(answer).to_contain_text("<img src=x onerror=alert(1)>")
    expect(answer).to_contain_text("![a](http://127.0.0.1:9/a.png)")
    expect(answer.locator("img, script")).to_have_count(0)
    links = answer.locator("a")
    expect(links).to_have_count(1)
    expect(links).to_have_attribute("href", "https://example.org/")


def test_the_slider_sets_the_strength_of_the_next_answer_and_of_asking_again(opened):
    opened.get_by_label("Strength of the ablation").fill("1.5")
    ask(opened, "Hello")
    expect(opened.locator("article.turn")).to_contain_text("strength 1.5")
    turn = ChatTurn.objects.get()
    turn.ablated = "Answer."
    finish(turn)

    opened.reload()  # the settings are the chat's
    expect(opened.get_by_label("Strength of the ablation")).to_have_value("1.5")
    opened.get_by_label("Strength of the ablation").fill("0.5")
    opened.get_by_role("button", name="Ask again at strength 0.5").click()
    expect(opened.locator("article.turn")).to_have_count(2)
    expect(opened.locator("article.turn").first).to_contain_text("Asked again below")
    again = ChatTurn.objects.get(number=2)
    assert (again.message, again.parent, again.settings["strength"]) == ("Hello", None, 0.5)


def test_shift_enter_begins_a_line_and_escape_stops(opened):
    box = opened.get_by_label("Your question")
    box.fill("One")
    box.press("Shift+Enter")
    box.type("two")
    box.press("Enter")
    expect(opened.get_by_role("button", name="Stop")).to_be_visible()
    assert ChatTurn.objects.get().message == "One\ntwo"
    expect(box).to_have_value("")

    box.press("Escape")
    expect(opened.locator("article.turn")).to_contain_text("Stopped.")
    assert Job.objects.get().status == "canceled"


def test_chats_are_listed_opened_and_deleted(opened, study, make_chat):
    make_chat(study.trials.get(), turns=2, title="The first")
    opened.reload()
    opened.get_by_role("link", name="The first").click()
    expect(opened.locator("article.turn")).to_have_count(2)
    expect(opened.locator("[data-column=ablated] strong").first).to_have_text("course")

    opened.get_by_role("button", name="Delete the chat").click()
    expect(opened.locator("#chats")).to_contain_text("None yet")
    assert not Chat.objects.exists()


def test_a_phone_stacks_the_columns_without_scrolling_sideways(
    visit, study, make_trial, make_chat
):
    chat = make_chat(make_trial(study, 0), turns=1)
    visitor = visit(viewport={"width": 375, "height": 700}, color_scheme="dark")
    page = visitor.goes_to(f"/studies/{study.pk}/trials/0/chat/?chat={chat.pk}")
    left = page.locator("[data-column=original]").bounding_box()
    right = page.locator("[data-column=ablated]").bounding_box()

    assert right["y"] >= left["y"] + left["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert visitor.complaints == []
