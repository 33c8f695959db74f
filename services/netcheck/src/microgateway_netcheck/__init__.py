"""Network validator: proves the redirect of inbound traffic before the application starts."""
