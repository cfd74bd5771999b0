"""An agency's deadlines as a calendar that people subscribe to, at a secret address that can be revoked."""
