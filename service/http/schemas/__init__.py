"""Request and response bodies, one file a resource, as the OpenAPI document has them."""
