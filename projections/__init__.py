"""Views: tables folded from the log in an encrypted database that can always be built again."""
