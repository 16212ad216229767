import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { badgeText, settingsFrom, wordsFor } from "./settings";

const SRC = "https://chat.portal.example/widget/loader.js";
const HOST = "https://bank.example/accounts";
const from = (attributes: Record<string, string>, query = "") =>
  settingsFrom(SRC, { bank: "aurelia", tokenUrl: "/widget-token", ...attributes }, new URL(HOST + query), "it");

describe("settings of the loader", () => {
  test("the frame is on the script's origin, the token on the page's", () => {
    const settings = from({});

    assert.equal(settings?.frameUrl, "https://chat.portal.example/widget/frame?bank=aurelia&locale=it");
    assert.equal(settings?.tokenUrl, "https://bank.example/widget-token");
    assert.equal(settings?.origin, "https://chat.portal.example");
  });

  test("a token is never asked for elsewhere", () => {
    assert.equal(from({ tokenUrl: "https://elsewhere.example/token" }), null);
    assert.equal(from({ tokenUrl: "//elsewhere.example/token" }), null);
    assert.equal(from({ tokenUrl: "" }), null);
    assert.equal(from({ bank: "" }), null);
  });

  test("a bank's name cannot change the frame's address", () => {
    assert.equal(new URL(from({ bank: "a&locale=x#y/../z" })?.frameUrl ?? "").pathname, "/widget/frame");
  });

  test("an address that names an alert opens the chat at it, and one that names something else does not", () => {
    const id = "01936f2e-5b7a-7c3d-9e1f-0a2b4c6d8e90";
    const asked = from({}, `?tab=cards&chat_alert=${id}`);

    assert.deepEqual([asked?.alert, asked?.open], [id, true]);
    assert.deepEqual([from({}, "?chat_alert=<script>")?.alert, from({}, `?x=chat_alert=${id}`)?.alert], [null, null]);
    assert.deepEqual([from({})?.alert, from({})?.open], [null, false]);
  });

  test("what is not known falls back", () => {
    const settings = from({ mode: "huge", theme: "pink", accent: "red;}", open: "false" });

    assert.deepEqual([settings?.mode, settings?.theme, settings?.accent, settings?.open], ["bubble", undefined, null, false]);
    assert.equal(wordsFor("xx").open, "Open chat");
    assert.deepEqual([badgeText(7), badgeText(100)], ["7", "99+"]);
  });
});
