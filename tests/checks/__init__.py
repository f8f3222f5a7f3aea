"""What other people's tools say of the templates, the locks and the sources, and what we answer."""
