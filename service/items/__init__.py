"""An item's content becomes an embedding, stored, searchable, and led along as events move it."""
