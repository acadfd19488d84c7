"""The errors that multitide raises, and the one warning class.

    MultitideError
    ├── ParameterError            also a ValueError: an argument or option is wrong
    ├── DataError                 also a ValueError: the data are wrong
    ├── StoreError                also an OSError: a model or run folder cannot be read or written
    └── MissingDependencyError    also an ImportError: an optional package is not installed

    MultitideWarning              a UserWarning

Every message has one form: ``name`` must be REQUIREMENT; got VALUE. Then the remedy, where one is
known.
"""


class MultitideError(Exception):
    """Any error that multitide raises on purpose."""


class ParameterError(MultitideError, ValueError):
    """An argument, an option or a line of a configuration is wrong."""


class DataError(MultitideError, ValueError):
    """The data are not what they have to be."""


class StoreError(MultitideError, OSError):
    """A model or run folder cannot be read, or must not be written."""


class MissingDependencyError(MultitideError, ImportError):
    """An optional package is needed; the message has the pip line that installs it."""


class MultitideWarning(UserWarning):
    """Something was assumed or found that the user may want to know."""
