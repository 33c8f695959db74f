"""Grafana dashboards of Microgateway, as code. `make generate` writes them for the kustomize component.

building   panels and boards in the form all of ours share
queries    what several boards ask
boards     what each board shows, one file a board
"""
