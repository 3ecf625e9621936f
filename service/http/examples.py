"""Examples of requests for the OpenAPI document: a test sends each of them to a running service."""

from typing import Any

PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "item_id": {
        "description": "Your id of an item: up to 256 bytes, no control characters or outer blanks; percent-encoded in a path.",
        "example": "mug-17",
    },
    "user_id": {
        "description": "Your id of a user: up to 256 bytes, no control characters or outer blanks; percent-encoded in a path.",
        "example": "words-sailing-01",
    },
}

# A PNG of 16 by 16 blue pixels.
_BLUE = "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAGklEQVR42mPUiDrBQApgYiARjGoY1TB0NAAAI7gBavYfh54AAAAASUVORK5CYII="

# By method and path, then by the body's content type: OpenAPI's own form.
EXAMPLES: dict[tuple[str, str], dict[str, dict[str, Any]]] = {
    ("post", "/events"): {
        "application/json": {
            "one": {
                "summary": "A like",
                "value": {"event_id": "like-1", "user_id": "words-sailing-01", "item_id": "mug-17", "event_type": "like"},
            },
            "many": {
                "summary": "What a list led to",
                "value": {
                    "events": [
                        {
                            "event_id": "shown-2",
                            "user_id": "words-sailing-01",
                            "item_id": "mug-17",
                            "event_type": "impression",
                            "timestamp": "2026-01-31T12:00:00Z",
                            "recommendation_id": "3f2a9c0d1e4b5700c1d2e3f4a5b6a1b2",
                        },
                        {
                            "event_id": "rated-3",
                            "user_id": "words-sailing-01",
                            "item_id": "mug-17",
                            "event_type": "rating",
                            "value": 4.5,
                        },
                    ]
                },
            },
        }
    },
    ("post", "/items"): {
        "application/json": {
            "both": {
                "summary": "Words and a picture",
                "value": {
                    "item_id": "mug-17",
                    "title": "Sailboat mug",
                    "text": "Rope, canvas and salt wind around a harbour lighthouse.",
                    "image_base64": _BLUE,
                    "attributes": {"price": 12.5, "in_stock": True},
                },
            },
            "words": {"summary": "Only words", "value": {"item_id": "mug-18", "title": "Sailboat mug"}},
            "picture": {"summary": "Only a picture", "value": {"item_id": "mug-19", "image_base64": _BLUE}},
        },
        "multipart/form-data": {
            "form": {
                "summary": "A form; `image` would be a file",
                "value": {"item_id": "mug-20", "title": "Sailboat mug", "attributes": '{"price": 12.5}'},
            }
        },
    },
    ("post", "/items/batch"): {
        "application/json": {
            "list": {
                "summary": "A list",
                "value": {
                    "items": [
                        {"item_id": "mug-21", "title": "Lighthouse mug", "expires_at": "2099-12-31T00:00:00Z"},
                        {"item_id": "mug-22", "title": "Harbour mug", "image_base64": _BLUE},
                    ]
                },
            }
        },
        "application/x-ndjson": {
            "lines": {
                "summary": "An item a line",
                "value": '{"item_id": "mug-23", "title": "Anchor mug"}\n{"item_id": "mug-24", "title": "Compass mug"}\n',
            }
        },
    },
    ("patch", "/items/{item_id}"): {
        "application/json": {
            "price": {"summary": "Another price", "value": {"attributes": {"price": 9.5, "in_stock": None}}},
            "hide": {"summary": "Hide it", "value": {"hidden": True, "hidden_reason": "recalled by its maker"}},
            "show": {"summary": "Show it again", "value": {"hidden": False}},
        },
        "application/merge-patch+json": {"end": {"summary": "Its end", "value": '{"expires_at": "2099-12-31T00:00:00Z"}'}},
    },
    ("post", "/recommend"): {
        "application/json": {
            "filtered": {
                "summary": "Cheap new things in stock, from many sides",
                "value": {
                    "user_id": "words-sailing-01",
                    "k": 5,
                    "filter": {
                        "must": [{"attribute": "price", "lte": 20}],
                        "must_not": [{"attribute": "in_stock", "equals": False}],
                    },
                    "max_age": "P30D",
                    "diversity": 0.3,
                },
            },
            "history": {
                "summary": "Somebody whom the service does not know",
                "value": {
                    "history": [
                        {"item_id": "mug-17"},
                        {"item_id": "mug-18", "event_type": "view"},
                        {"item_id": "never-posted", "event_type": "rating", "value": 5},
                    ],
                    "k": 3,
                    "explain": True,
                },
            },
            "many": {
                "summary": "Several users at once",
                "value": {"user_ids": ["words-sailing-01", "words-sailing-02", "nobody-knows"], "k": 3, "exploration": 0.34},
            },
        },
    },
}
