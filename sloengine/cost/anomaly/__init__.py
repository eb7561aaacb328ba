"""Is spend normal: hourly, per service and tenant, and of each its requests, tokens per request and price per token.

levels.py    use as the log of its ratio to a robust trailing level       } pure;
seasons.py   the calendar: what an hour usually is, and what a model is told of it   } scikit-learn
learned.py   gradient boosting of quantiles, the third rung of the ladder  } in learned.py
pipeline.py  the ladder of cold start, residuals                           } alone
scores.py    conformal p-values of spikes, jumps and steps                 }
drivers.py   which factor made the difference (LMDI)                       }
decide.py    whether it matters, and what it is called                     }
judging.py   all series of an organisation at once                         }
feedback.py  what was foreseen   outlook.py  today as it will have been   telling.py  in words (pure)
models.py    AnomalyCursor, CostFeedback
queries.py   the ledger as series; what was found
services.py  judge_spend (hourly, on the slow queue), give_feedback
"""
