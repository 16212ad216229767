import "shared:tokens";
import "./style/app.css";
import { render } from "preact";
import { inkOn } from "./accent";
import { Chat } from "./chat";
import { readConfig } from "./config";
import { listenToHost } from "./host/bridge";
import { App } from "./view/App";
import type { Words } from "./words/en";
import { learn, speak, withRegion } from "./words/words";

const element = document.getElementById("app");
if (!element) throw new Error("The frame's page has no #app.");

const config = readConfig(element);
const page = document.documentElement;

if (config.accent) {
  page.style.setProperty("--bank", config.accent);
  page.style.setProperty("--on-bank", inkOn(config.accent));
}

// The host page speaks as soon as this page is loaded: it is listened to while the words are still under way.
const bridge = listenToHost(config.parentOrigins, {
  hello: (mode, open, theme, alert) => {
    if (theme === "light" || theme === "dark") page.dataset["theme"] = theme;
    void chat.then((it) => {
      it.greeted(mode, open);
      if (alert) it.lookFor(alert);
    });
  },
  shown: (open) => void chat.then((it) => it.shown(open)),
});
const chat = learn(config.words).then((words) => begin(element, words));

function begin(place: HTMLElement, words: Words): Chat {
  const speech = speak(withRegion(config.locale, navigator.languages), words, config.language);
  page.lang = speech.language;
  page.dir = speech.direction;
  const started = new Chat(config, bridge, speech);
  render(<App chat={started} speech={speech} />, place);
  if (window.parent === window) started.fail("alone");
  else void started.start();
  return started;
}
