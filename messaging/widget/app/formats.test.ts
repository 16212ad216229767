import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { amountText, bandText, cameIn, isCredit, moneyText, quantityText, takenOff } from "./money";
import { calendarText, dateText, dayText, momentText, monthText, tellTimesIn, timeText, zoneText } from "./times";

const plain = (text: string) => text.replace(/\s/g, " ").replace(/−/g, "-");
const eur = (amount: string) => ({ amount, currency: "EUR" });

describe("money", () => {
  test("keeps every digit of amounts that no float can hold", () => {
    assert.equal(plain(moneyText(eur("90071992547409931.07"), "en")), "€90,071,992,547,409,931.07");
    assert.equal(plain(moneyText(eur("0.10"), "en")), "€0.10");
  });

  test("shows the digits that the amount came with", () => {
    assert.equal(plain(moneyText({ amount: "1200", currency: "JPY" }, "en")), "¥1,200");
    assert.equal(plain(moneyText({ amount: "1.234", currency: "KWD" }, "en")), "KWD 1.234");
  });

  test("says the sign as asked", () => {
    assert.equal(plain(moneyText(eur("-12.30"), "it")), "-12,30 €");
    assert.equal(plain(moneyText(eur("-12.30"), "en", "none")), "€12.30");
    assert.equal(plain(moneyText(eur("12.30"), "en", "always")), "+€12.30");
    assert.deepEqual([eur("5.00"), eur("0.00"), eur("-5.00")].map(isCredit), [true, false, false]);
  });

  test("what is not a decimal is shown as it came", () => {
    assert.equal(moneyText({ amount: "1e3", currency: "EUR" }, "en"), "1e3 EUR");
    assert.equal(moneyText({ amount: "1.00", currency: "nonsense" }, "en"), "1.00 nonsense");
  });
});

describe("bands", () => {
  const band = (above: string, up_to: string | null) => ({ above, up_to, currency: "EUR" });

  test("an amount in a band is said by its edges, with the sign as asked", () => {
    assert.equal(plain(bandText(band("20.00", "50.00"), "en")), "€20–€50");
    assert.equal(plain(bandText(band("-20.00", "-50.00"), "en", "always")), "-€20–€50");
    assert.equal(plain(bandText(band("-20.00", "-50.00"), "en", "none")), "€20–€50");
    assert.equal(plain(bandText(band("10000.00", null), "en", "always")), "+> €10,000");
    assert.equal(plain(bandText(band("0.00", "0.00"), "en", "always")), "€0");
  });

  test("stands for an amount that is not shown, and nothing stands for neither", () => {
    assert.equal(plain(amountText(null, band("0.00", "10.00"), "it")), "0 €–10 €");
    assert.equal(plain(amountText(eur("1.00"), null, "en")), "€1.00");
    assert.equal(amountText(null, null, "en"), "");
  });

  test("tells what came in from what went out", () => {
    assert.deepEqual([band("0.00", "10.00"), band("0.00", "-10.00"), band("0.00", "0.00")].map((it) => cameIn(null, it)), [true, false, false]);
  });
});

describe("months", () => {
  test("a month is the same one in every zone", () => {
    assert.deepEqual([monthText("2026-11", "en"), monthText("2026-11", "it")], ["November 2026", "novembre 2026"]);
  });
});

describe("what a receipt says", () => {
  test("quantities are written as the reader writes them, and kept as they came where they are none", () => {
    assert.deepEqual(["2", "0.742", "0.5", "1234.125", "some"].map((it) => quantityText(it, "it")), ["2", "0,742", "0,5", "1234,125", "some"]);
  });

  test("what is taken off has the other sign", () => {
    assert.deepEqual([eur("1.00"), eur("-1.00")].map((it) => takenOff(it).amount), ["-1.00", "1.00"]);
  });
});

describe("times", () => {
  const now = new Date(2026, 2, 3, 9, 0);

  test("a calendar date is the same day in every zone", () => {
    for (const zone of ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Rome"]) {
      process.env["TZ"] = zone;
      assert.equal(dateText("2026-03-01", "en-GB", now), "1 Mar");
    }
    delete process.env["TZ"];
  });

  test("days are named as people name them", () => {
    assert.equal(dayText(new Date(2026, 2, 3, 0, 1), "en", now), "Today");
    assert.equal(dayText(new Date(2026, 2, 2, 23, 59), "it", now), "Ieri");
    assert.equal(dayText(new Date(2025, 11, 31), "it", now), "mercoledì 31 dicembre 2025");
  });

  test("a day ahead is named as seen from today on the bank's clock", () => {
    process.env["TZ"] = "America/Los_Angeles";
    tellTimesIn("Europe/Rome");
    const late = new Date("2026-03-02T23:30:00Z"); // The third in Rome, the second where the reader is.
    assert.equal(calendarText("2026-03-03", "en-GB", late), "Today");
    assert.equal(calendarText("2026-03-04", "it", late), "Domani");
    assert.equal(calendarText("2026-03-06", "en-GB", late), "Friday 6 March");
    assert.equal(calendarText("2027-03-06", "es", late), "sábado, 6 de marzo de 2027");
    assert.equal(calendarText("soon", "en", late), "");
    tellTimesIn(undefined);
    delete process.env["TZ"];
  });

  test("are told on the bank's clock, which is named where it is not the reader's", () => {
    process.env["TZ"] = "Asia/Bangkok";
    const late = new Date("2026-03-02T23:30:00Z");
    tellTimesIn("Europe/Rome");
    assert.equal(timeText("2026-03-02T22:30:00Z", "en-GB"), "23:30");
    assert.equal(dayText(late, "en", new Date("2026-03-03T09:00:00Z")), "Today");
    assert.equal(momentText("2026-03-02T22:30:00Z", "en-GB", late), "2 Mar, 23:30");
    assert.equal(zoneText(late, "en-GB"), "CET");
    process.env["TZ"] = "Europe/Berlin";
    assert.equal(zoneText(late, "en-GB"), "");
    tellTimesIn("Not/AZone");
    assert.equal(zoneText(late, "en-GB"), "");
    tellTimesIn(undefined);
    delete process.env["TZ"];
  });

  test("what is not a time is left out", () => {
    assert.deepEqual([momentText("never", "en", now), dateText("", "en", now)], ["", ""]);
  });
});
