"""The address of the design page; included at the base host."""

from django.urls import path

from portal.design.views import design

app_name = "design"
urlpatterns = [path("design", design, name="design")]
