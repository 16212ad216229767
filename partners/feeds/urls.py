"""Addresses of the feeds' console pages."""

from django.urls import path

from partners.feeds.views import feed, feed_masks, feeds

urlpatterns = [
    path("banks/<slug:slug>/feeds/", feeds, name="feeds"),
    path("banks/<slug:slug>/feeds/<slug:kind>/", feed, name="feed"),
    path("banks/<slug:slug>/feeds/<slug:kind>/masks/", feed_masks, name="feed_masks"),
]
