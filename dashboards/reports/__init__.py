"""What each page says, from values alone: the values, the sentences, the rows of its CSV. Pure. None is "no data", never 0."""
