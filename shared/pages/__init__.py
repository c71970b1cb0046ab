"""What the pages of all services stand on: layout, languages, headers, sessions, forms, and the files of rows."""
