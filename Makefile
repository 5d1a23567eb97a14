# Needs git, make and Python 3.11 or later; everything else is installed into .venv and others beside it.
# GNU make 3.81, which macOS brings, is enough.

.DEFAULT_GOAL := help
.PHONY: demo ui test test-full test-airflow2 test-faults test-faults-full test-clients test-clients-full test-fs test-system test-browser \
	connection-form bench bench-small bench-emulator bench-transfers bench-throttled bench-triggers recorded lint constraints clean \
	help venv venv-graph venv-2.11 venv-azure venv-clients venv-fs venv-browser

# The interpreter that makes the environments: the first of these that suits. `make PYTHON=...` names another.
PYTHON := python3.11 python3.12 python3.13 python3.14 python3
PYTEST_WORKERS := 2
ARGS :=
# What the fault suite has of retries: on both lines of Airflow.
TRIES := tests/faults/test_killed.py tests/faults/test_two_tries.py

# The user's own Airflow, and Python settings that change what is imported, stay outside.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONWARNINGS PYTHONDONTWRITEBYTECODE PYTHONOPTIMIZE PIP_USER \
	VIRTUAL_ENV PYTEST_ADDOPTS PYTEST_PLUGINS $(filter AIRFLOW_%,$(.VARIABLES))

demo: .venv/.installed ## run the example DAG in a real Airflow against the local OneDrive
	@.venv/bin/python -m demo $(ARGS)

ui: .venv/.installed ## the same, and leave Airflow's web page open until Ctrl-C
	@.venv/bin/python -m demo --ui $(ARGS)

test: .venv-graph/.installed .venv/.installed ## run the tests; make test ARGS="-k upload" runs some
	@sh tools/test.sh -n $(PYTEST_WORKERS) $(ARGS)

test-full: .venv-graph/.installed .venv/.installed ## run the tests, and leave nothing out
	@sh tools/test.sh -n $(PYTEST_WORKERS) --full $(ARGS)

test-faults: .venv-graph/.installed .venv/.installed ## run a sample of the fault suite, always the same one
	@sh tools/test.sh -n $(PYTEST_WORKERS) tests/faults $(ARGS)

test-faults-full: .venv-graph/.installed .venv/.installed .venv-2.11/.installed ## run every fault of the local OneDrive at every step
	@sh tools/test.sh -n $(PYTEST_WORKERS) --full tests/faults $(ARGS)
	.venv-2.11/bin/python -m pytest --airflow=only -n $(PYTEST_WORKERS) --full $(TRIES) $(ARGS)

test-fs: .venv-fs/.installed ## run pandas, DuckDB and other programs, and fsspec's own tests, on the filesystem onedrive://
	.venv-fs/bin/python -m pytest -n $(PYTEST_WORKERS) tests/programs $(ARGS)

test-system: .venv/.installed ## kill a worker of a real Airflow in the middle of a gigabyte
	.venv/bin/python -m pytest -n 0 -rP tests/system $(ARGS)

test-airflow2: .venv-2.11/.installed ## run the tests that need Airflow on Airflow 2.11
	.venv-2.11/bin/python -m pytest --airflow=only -n $(PYTEST_WORKERS) -m "not airflow3" $(ARGS)
	$(if $(ARGS),,.venv-2.11/bin/python -m pytest --airflow=only -n $(PYTEST_WORKERS) $(TRIES))

test-clients: .venv-graph/.installed .venv-clients/.installed ## run rclone and msgraph-sdk against the local OneDrive, a sample
	.venv-graph/bin/python -m pytest -n $(PYTEST_WORKERS) tests/clients $(ARGS)

test-clients-full: .venv-graph/.installed .venv-clients/.installed ## run all that they do
	.venv-graph/bin/python -m pytest -n $(PYTEST_WORKERS) --full tests/clients $(ARGS)

test-browser: .venv/.installed .venv-browser/.installed ## open the connection form in a real browser
	.venv/bin/python -m pytest -n 0 tests/browser $(ARGS)

connection-form: .venv/.installed .venv-browser/.installed ## the same, and take the picture for the documentation
	ONEDRIVE_SCREENSHOT=docs/images/connection-form.png .venv/bin/python -m pytest -n 0 tests/browser $(ARGS)

bench: .venv/.installed .venv-clients/.installed ## compare with rclone and others, and write docs/performance.md; ARGS=--small is short
	@.venv/bin/python benchmarks/compare.py $(ARGS)

bench-small: .venv/.installed .venv-clients/.installed ## see that the comparison works, without judging times
	@.venv/bin/python benchmarks/compare.py --small $(ARGS)

bench-emulator: .venv/.installed ## measure the local OneDrive
	@.venv/bin/python benchmarks/emulator.py $(ARGS)

bench-transfers: .venv/.installed ## measure large files: memory, and the sizes one may choose
	@.venv/bin/python benchmarks/transfers.py $(ARGS)

bench-throttled: .venv/.installed ## count the requests of a hundred processes that share one budget
	@.venv/bin/python benchmarks/throttled.py $(ARGS)

bench-triggers: .venv-azure/.installed ## measure a thousand waits in a real triggerer, half an hour
	@.venv-azure/bin/python -W ignore benchmarks/triggers.py $(ARGS)

recorded: .venv-graph/.installed ## write the reports of the local OneDrive in tests/emulator/recorded anew
	@.venv-graph/bin/python tools/record_local.py

lint: .venv/.installed ## ruff and mypy
	@failed=0; for tool in "ruff check ." "ruff format --check ." mypy; do \
		echo "$$tool"; .venv/bin/$$tool || failed=1; done; exit $$failed

constraints: .venv/.installed ## write constraints/*.txt anew; ARGS=--upgrade takes the newest versions
	@for each in 3.3 2.11 graph clients fs browser; do sh tools/compile-constraints.sh $$each $(ARGS) || exit; done

clean: ## remove the environments and what the tools left
	rm -rf .venv .venv-graph .venv-2.11 .venv-azure .venv-clients .venv-fs .venv-browser build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: .venv/.installed
venv-graph: .venv-graph/.installed
venv-2.11: .venv-2.11/.installed
venv-azure: .venv-azure/.installed
venv-clients: .venv-clients/.installed
venv-fs: .venv-fs/.installed
venv-browser: .venv-browser/.installed

.venv/.installed: pyproject.toml tools/bootstrap.sh constraints/airflow-3.3.in constraints/airflow-3.3.txt
	@sh tools/bootstrap.sh .venv 3.3 $(PYTHON)
	@touch $@

.venv-graph/.installed: pyproject.toml tools/bootstrap.sh constraints/graph.in constraints/graph.txt
	@sh tools/bootstrap.sh .venv-graph graph $(PYTHON)
	@touch $@

.venv-2.11/.installed: pyproject.toml tools/bootstrap.sh constraints/airflow-2.11.in constraints/airflow-2.11.txt
	@sh tools/bootstrap.sh .venv-2.11 2.11 $(PYTHON)
	@touch $@

.venv-azure/.installed: .venv/.installed tools/azure.sh
	@sh tools/azure.sh .venv-azure
	@touch $@

.venv-clients/.installed: tools/clients.sh constraints/clients.txt .venv/.installed
	@sh tools/clients.sh .venv-clients
	@touch $@

.venv-fs/.installed: pyproject.toml tools/fs.sh constraints/airflow-3.3.txt constraints/fs.txt .venv/.installed
	@sh tools/fs.sh .venv-fs
	@touch $@

.venv-browser/.installed: .venv/.installed tools/browser.sh constraints/browser.txt
	@sh tools/browser.sh .venv-browser
	@touch $@
