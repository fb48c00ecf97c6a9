"""Where approaches fail, and how good the parameters of their nuclei are as measurements."""
