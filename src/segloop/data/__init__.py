"""What a data set is: its description, its checks, its masks, and the demo sets that are drawn."""
