"""The endpoints: an AdmissionReview in, an AdmissionReview out; the decisions are made elsewhere."""
