"""Messages of the package `cuefarm.v1`, generated from farm.proto by `make proto`."""
