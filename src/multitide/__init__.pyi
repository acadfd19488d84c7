from multitide.errors import DataError as DataError
from multitide.errors import MissingDependencyError as MissingDependencyError
from multitide.errors import MultitideError as MultitideError
from multitide.errors import MultitideWarning as MultitideWarning
from multitide.errors import ParameterError as ParameterError
from multitide.errors import StoreError as StoreError
from multitide.samples import Samples as Samples

__version__: str
__all__: list[str]
