"""Truth to test against: two legs whose tissues are known at every point, scanned as any biomarker describes."""
