"""The customer's side of a conversation over REST."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.signin.authentication import WidgetAuthentication, customer_of
from accounts.signin.limits import require_within
from accounts.signin.queries import WidgetPrincipal
from messaging.conversations import actions, queries
from messaging.conversations.models import Conversation, Message
from messaging.conversations.rendering import instant, render_messages
from messaging.conversations.rules import LONGEST_TEXT
from partners.sharing.gate import Door as GateDoor
from partners.sharing.gate import recording_refusals
from portal.rest.idempotency import Done, once, scope_of
from portal.rest.problems import NotFound
from portal.rest.schema import IDEMPOTENCY_KEY, ProblemBody
from portal.rest.serializers import StrictId, StrictNumber, StrictSerializer, StrictText
from portal.rest.views import Door
from portal.tenancy.blocks import NotServed, serving_customer

MESSAGES_PER_MINUTE = 60
REFRESHES_PER_MINUTE = 10
_HIGHEST = 2**53 - 1


class PostedText(StrictSerializer):
    client_msg_id = StrictId()
    text = StrictText(max_length=LONGEST_TEXT)


class CardAction(StrictSerializer):
    rev = StrictNumber(min_value=1, max_value=_HIGHEST)


class ReadUpTo(StrictSerializer):
    seq = StrictNumber(min_value=0, max_value=_HIGHEST)


class PageRequest(serializers.Serializer[Any]):
    before_seq = serializers.IntegerField(required=False, min_value=1, max_value=_HIGHEST)
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=queries.LARGEST_PAGE, default=30
    )


class ConversationBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    stream = serializers.CharField()
    created_at = serializers.DateTimeField()


class ConversationsBody(serializers.Serializer[Any]):
    conversations = ConversationBody(many=True)


class AuthorBody(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Message.Author.choices)
    name = serializers.CharField()


class ActionBody(serializers.Serializer[Any]):
    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field, not the base's attribute
    style = serializers.ChoiceField(  # type: ignore[assignment]  # a field, not the base's attribute
        choices=["primary", "danger", "plain"]
    )


class MessageBody(serializers.Serializer[Any]):
    """`card` is by `kind`; docs/asyncapi.yaml says of what each is made."""

    id = serializers.UUIDField()
    conversation_id = serializers.UUIDField()
    seq = serializers.IntegerField()
    rev = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=Message.Kind.choices)
    author = AuthorBody()
    created_at = serializers.DateTimeField()
    client_msg_id = serializers.UUIDField(required=False)
    text = serializers.CharField()
    card = serializers.DictField(allow_null=True)
    actions = ActionBody(many=True)
    expires_at = serializers.DateTimeField(allow_null=True)


class MessagesBody(serializers.Serializer[Any]):
    messages = MessageBody(many=True)
    head_seq = serializers.IntegerField()
    has_more = serializers.BooleanField()
    read_seq = serializers.IntegerField()


class ReadBody(serializers.Serializer[Any]):
    read_seq = serializers.IntegerField()


class CustomerDoor(Door):
    """A door for the customer in the chat frame."""

    authentication_classes = [WidgetAuthentication]

    @contextmanager
    def reach(self, request: Request) -> Iterator[WidgetPrincipal]:
        """One transaction with the customer's own reach."""
        principal = customer_of(request)
        try:
            with recording_refusals(), serving_customer(principal.bank_id, principal.customer_id):
                yield principal
        except NotServed as reason:
            raise NotFound from reason


class ConversationsDoor(CustomerDoor):
    @extend_schema(
        operation_id="list_conversations", responses={200: ConversationsBody, 401: ProblemBody}
    )
    def get(self, request: Request) -> Response:
        """The customer's conversations with the bank: one."""
        with self.reach(request):
            found = queries.conversations()
        return Response({"conversations": [_conversation_body(each) for each in found]})


class MessagesDoor(CustomerDoor):
    @extend_schema(
        operation_id="list_messages",
        parameters=[PageRequest],
        responses={200: MessagesBody, 401: ProblemBody, 404: ProblemBody},
    )
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """The newest messages, or those before `before_seq`, oldest first."""
        asked = PageRequest(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        with self.reach(request):
            page = queries.page_of(
                queries.get_conversation(conversation_id),
                before_seq=asked.validated_data.get("before_seq"),
                limit=asked.validated_data["limit"],
            )
            shown = _shown(page.messages, timezone.now())
        return Response(
            {
                "messages": shown,
                "head_seq": page.head,
                "has_more": page.has_more,
                "read_seq": page.read_seq,
            }
        )

    @extend_schema(
        operation_id="post_message",
        parameters=[IDEMPOTENCY_KEY],
        request=PostedText,
        responses={
            201: MessageBody,
            401: ProblemBody,
            404: ProblemBody,
            409: ProblemBody,
            422: ProblemBody,
            429: ProblemBody,
        },
    )
    def post(self, request: Request, conversation_id: UUID) -> Response:
        """Say something. Card numbers and PINs are masked before they are stored."""
        scope = scope_of(request, principal=customer_of(request).name)
        asked = PostedText(data=request.data)
        asked.is_valid(raise_exception=True)
        require_within(
            f"messages:{customer_of(request).customer_id}", at_most=MESSAGES_PER_MINUTE, seconds=60
        )
        at = timezone.now()

        def act() -> Done:
            said = actions.post_text(
                conversation_id=conversation_id, at=at, **asked.validated_data
            )
            return Done(201, {"message_id": str(said.id)})

        with self.reach(request):
            done = once(scope, asked.validated_data, at=at, act=act)
            return Response(_message(done, at), status=done.status)


class CardActionDoor(CustomerDoor):
    @extend_schema(
        operation_id="act_on_card",
        parameters=[IDEMPOTENCY_KEY],
        request=CardAction,
        responses={
            200: MessageBody,
            401: ProblemBody,
            403: ProblemBody,
            404: ProblemBody,
            409: ProblemBody,
            422: ProblemBody,
            429: ProblemBody,
        },
    )
    def post(
        self, request: Request, conversation_id: UUID, message_id: UUID, key: str
    ) -> Response:
        """Press a card's button, as seen at revision `rev`; an older one is a `stale-card`.

        A card that may show nothing any more takes no press: what the gate refuses, it refuses here too.
        """
        scope = scope_of(request, principal=customer_of(request).name)
        asked = CardAction(data=request.data)
        asked.is_valid(raise_exception=True)
        if key == actions.REFRESH:
            name = f"refreshes:{customer_of(request).customer_id}"
            require_within(name, at_most=REFRESHES_PER_MINUTE, seconds=60)
        at = timezone.now()

        def act() -> Done:
            card = actions.take_card_action(
                conversation_id=conversation_id,
                message_id=message_id,
                key=key,
                rev=asked.validated_data["rev"],
                at=at,
            )
            return Done(200, {"message_id": str(card.id)})

        with self.reach(request):
            done = once(scope, asked.validated_data, at=at, act=act)
            return Response(_message(done, at), status=done.status)


class ReadDoor(CustomerDoor):
    @extend_schema(
        operation_id="mark_read",
        request=ReadUpTo,
        responses={200: ReadBody, 401: ProblemBody, 404: ProblemBody},
    )
    def put(self, request: Request, conversation_id: UUID) -> Response:
        """Everything up to `seq` has been read; a mark never moves back."""
        asked = ReadUpTo(data=request.data)
        asked.is_valid(raise_exception=True)
        with self.reach(request):
            mark = actions.mark_read(
                conversation_id=conversation_id,
                read=asked.validated_data["seq"],
                at=timezone.now(),
            )
        return Response({"read_seq": mark.read_seq})


def _conversation_body(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": str(conversation.id),
        "stream": conversation.stream_name,
        "created_at": instant(conversation.created_at),
    }


def _shown(messages: Any, at: datetime) -> list[dict[str, Any]]:
    rendered = render_messages(messages, door=GateDoor.REST, at=at)
    return [rendered[each.id] for each in messages]


def _message(done: Done, at: datetime) -> dict[str, Any]:
    # Rendered anew, also for a repeat: what may be shown can have changed in between.
    return _shown([Message.objects.get(pk=UUID(done.result["message_id"]))], at)[0]
