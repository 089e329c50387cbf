from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    name = "monitoring"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from jobs import signals
        from monitoring import alerts

        signals.tick.connect(alerts.check, dispatch_uid="monitoring.alerts")
