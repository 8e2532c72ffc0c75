"""What the app shows and does, without a widget: it is tested, and used, without a browser."""
