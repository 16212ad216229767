/* The service worker of the chat's host: shows what was pushed, and leads to it. It keeps nothing and intercepts nothing. */
"use strict";

self.addEventListener("push", (event) => {
  let said;
  try {
    said = event.data.json();
  } catch {
    return;
  }
  const { title, body, lang, dir, tag, path } = said;
  event.waitUntil(
    self.registration.showNotification(title, {
      body, lang, dir, tag,
      icon: "/static/design/mark.svg",
      requireInteraction: true,
      data: { path },
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = new URL(event.notification.data.path, self.location.origin);
  if (url.origin !== self.location.origin) return;
  event.waitUntil(self.clients.openWindow(url.href));
});
