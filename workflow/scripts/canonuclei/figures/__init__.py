"""The figures: one module each. They draw what files hold and never compute a metric."""
