"""What another text of an agreement would change of open requests and live loans. It changes nothing itself."""
