"""The estimators as scikit-learn sees them: its own checks, cross-validation, a pipeline, pickling, and how well they
predict beside scikit-learn's networks. Needs scikit-learn 1.6 or newer; LOCKSTEP and LOCKSTEP_LIBRARY.
   estimators.py"""
import pickle
import sys

import numpy as np
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import lockstep

for estimator in (lockstep.Regressor(units=(8,), epochs=60, batch_size=16, learning_rate=0.02),
                  lockstep.Classifier(units=(8,), epochs=40, batch_size=16, learning_rate=0.02)):
    results = check_estimator(estimator, on_fail=None)
    failed = [r for r in results if r["status"] == "failed"]
    for result in failed:
        print(f"{type(estimator).__name__}: {result['check_name']}: {result['exception']!r}"[:600])
    print(f"{type(estimator).__name__}: {len(results)} checks, {len(failed)} failed")
    assert not failed

x, y = load_iris(return_X_y=True)
names = np.array(["setosa", "versicolor", "virginica"])[y]
scores = cross_val_score(lockstep.Classifier(units=(16,), epochs=40, learning_rate=0.01), x, names, cv=3)
print("iris, 3 folds:", scores)
assert scores.min() > 0.9

x, y = load_diabetes(return_X_y=True)
ours = cross_val_score(make_pipeline(StandardScaler(), lockstep.Regressor(units=(16,), epochs=30, learning_rate=0.01)), x, y, cv=3)
theirs = cross_val_score(make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(16,), max_iter=1000, learning_rate_init=0.01,
                                                                     random_state=1)), x, y, cv=3)
print("diabetes, R2 of 3 folds:", ours, "MLPRegressor:", theirs)
assert ours.mean() > theirs.mean() - 0.1

search = GridSearchCV(lockstep.Regressor(epochs=5), {"units": [(4,), (16,)], "learning_rate": [0.001, 0.02]}, cv=2)
best = search.fit(x, y).best_estimator_
again = pickle.loads(pickle.dumps(best))
assert np.array_equal(again.predict(x), best.predict(x))
two = lockstep.Regressor(epochs=3).fit(x, np.column_stack([y, -y])).predict(x)
assert two.shape == (len(x), 2)
try:
    lockstep.Regressor(optimizer="adamm").fit(x, y)
    sys.exit("a wrong optimizer is accepted")
except lockstep.Error as error:
    assert "adamm" in str(error), error
print("estimators: all well")
