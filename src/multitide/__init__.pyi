# What `__init__.py` gives when it is asked, for type checkers.
from multitide import backbones as backbones
from multitide import balancing as balancing
from multitide import compat as compat
from multitide import datasets as datasets
from multitide import encodings as encodings
from multitide import methods as methods
from multitide import plot as plot
from multitide import plot_study as plot_study
from multitide import representations as representations
from multitide import sharing as sharing
from multitide.affinity import AffinityRecorder as AffinityRecorder
from multitide.callbacks import Callback as Callback
from multitide.config_file import Config as Config
from multitide.config_file import config_problems as config_problems
from multitide.config_file import load_config as load_config
from multitide.encodings.inputs import Inputs as Inputs
from multitide.errors import DataError as DataError
from multitide.errors import MissingDependencyError as MissingDependencyError
from multitide.errors import MultitideError as MultitideError
from multitide.errors import MultitideWarning as MultitideWarning
from multitide.errors import ParameterError as ParameterError
from multitide.errors import StoreError as StoreError
from multitide.estimator import MultiTaskEstimator as MultiTaskEstimator
from multitide.recording import GradientRecorder as GradientRecorder
from multitide.reporting import write_study_report as write_study_report
from multitide.samples import Samples as Samples
from multitide.simulate import rig_truth as rig_truth
from multitide.simulate import simulate_rig as simulate_rig
from multitide.splits import Split as Split
from multitide.splits import Splitter as Splitter
from multitide.study import Comparison as Comparison
from multitide.study import Grouping as Grouping
from multitide.study import compare as compare
from multitide.study import group_tasks as group_tasks
from multitide.tables import column_roles as column_roles
from multitide.tables import read_like as read_like
from multitide.tables import read_table as read_table
from multitide.tasks import Classification as Classification
from multitide.tasks import Regression as Regression
from multitide.tasks import Task as Task
from multitide.tasks import describe_tasks as describe_tasks
from multitide.training import Training as Training

__version__: str
__all__: list[str]
