"""The nouns every other room speaks in: data as frozen values, quantities with units, errors with codes."""
