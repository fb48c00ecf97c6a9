"""What made results, and whether published ones are still what code, configuration and data make."""
