"""A person: signs in once, whichever banks know them."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models

from portal.tenancy.ids import new_id


class PersonManager(BaseUserManager["Person"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "Person":
        """A person with that address and password; no password: they cannot sign in with one."""
        person = self.model(email=self.normalize_email(email).lower(), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "Person":
        """The platform's operator (`manage.py createsuperuser`)."""
        return self.create_user(email, password, is_operator=True, is_superuser=True, **fields)


class Person(AbstractBaseUser, PermissionsMixin):
    """E-mail and credentials; what they may do at a bank is that bank's `Staff` or `Customer` row."""

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(unique=True)
    display_name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    is_operator = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[PersonManager] = PersonManager()

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_staff(self) -> bool:
        """Django's own word for who may see its admin; we have none."""
        return False
