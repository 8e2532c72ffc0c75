"""What a data set is: its description, its checks, its demo generators, and adapters for mmengine."""
