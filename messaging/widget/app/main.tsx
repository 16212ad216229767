import "shared:tokens";
import "./style/app.css";
import { render } from "preact";
import { inkOn } from "./accent";
import { Chat } from "./chat";
import { readConfig } from "./config";
import { listenToHost } from "./host/bridge";
import { App } from "./view/App";
import { speak, withRegion } from "./words/words";

const element = document.getElementById("app");
if (!element) throw new Error("The frame's page has no #app.");

const config = readConfig(element);
const speech = speak(withRegion(config.locale, navigator.languages));
const page = document.documentElement;
page.lang = speech.language;
page.dir = speech.direction;

if (config.accent) {
  page.style.setProperty("--bank", config.accent);
  page.style.setProperty("--on-bank", inkOn(config.accent));
}

const bridge = listenToHost(config.parentOrigins, {
  hello: (mode, open, theme, alert) => {
    if (theme === "light" || theme === "dark") page.dataset["theme"] = theme;
    chat.greeted(mode, open);
    if (alert) chat.lookFor(alert);
  },
  shown: (open) => chat.shown(open),
});
const chat = new Chat(config, bridge, speech);

render(<App chat={chat} speech={speech} />, element);
if (window.parent === window) chat.fail("alone");
else void chat.start();
