# Thin aliases: dev.py does the work, and works where there is no make.
# make test args="tests/embedded -k orphan"        make bench only=posts
PYTHON ?= python3
HABITS := run test check unit e2e sdk chaos bench tidy lock vendor pictures help

.DEFAULT_GOAL := help
.PHONY: $(HABITS)

$(HABITS):
	@$(PYTHON) dev.py $@ $(if $(only),only=$(only)) $(args)
