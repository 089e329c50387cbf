"""Search over chunks: `words` by full text, `vectors` by nearness, `fusion` of both, `snippets` to show."""
