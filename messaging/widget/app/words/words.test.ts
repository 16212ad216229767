import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { en } from "./en";
import { es } from "./es";
import { it } from "./it";
import { speak, withRegion } from "./words";

const places = (value: unknown): string[] => [...JSON.stringify(value).matchAll(/\{(\w+)\}/g)].map((it) => it[0]);

describe("words", () => {
  test("every language fills in the same places", () => {
    for (const other of [es, it])
      for (const name of Object.keys(en) as (keyof typeof en)[])
        assert.deepEqual(new Set(places(other[name])), new Set(places(en[name])), name);
  });

  test("counts follow the language", () => {
    assert.equal(speak("en", en, "en").count("jump_new", 1), "1 new message");
    assert.equal(speak("it-IT", it, "it").count("jump_new", 12), "12 nuovi messaggi");
    assert.equal(speak("es", es, "es").count("too_long", 1234567), "1.234.567 caracteres de más");
  });

  test("an unknown or broken locale falls back to English words", () => {
    assert.equal(speak("de-CH", en, "en").say("send"), "Send");
    assert.equal(speak("de-CH", en, "en").locale, "de-CH");
    assert.equal(speak("%%%", en, "en").locale, "en");
    assert.deepEqual([speak("ar", en, "en").direction, speak("it", it, "it").direction], ["rtl", "ltr"]);
  });

  test("a language without a region takes the reader's", () => {
    assert.equal(withRegion("en", ["it-IT", "en-GB", "en-US"]), "en-GB");
    assert.equal(withRegion("it-CH", ["it-IT"]), "it-CH");
  });

  test("what nobody filled in stays visible", () => {
    assert.equal(speak("en", en, "en").say("chat_with"), "Chat with {bank}");
  });
});
