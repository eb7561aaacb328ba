from django.db import migrations
from django.utils.text import slugify


def fill(apps, schema_editor):
    """Each responder becomes a step that tells one person; a policy of neither service nor team is the default."""
    EscalationPolicy = apps.get_model("incidents", "EscalationPolicy")
    PolicyStep = apps.get_model("incidents", "PolicyStep")
    StepTarget = apps.get_model("incidents", "StepTarget")
    Responder = apps.get_model("incidents", "Responder")
    taken = set()
    for policy in EscalationPolicy.objects.order_by("pk"):
        base = slugify(policy.name)[:70] or "policy"
        slug, number = base, 2
        while (policy.organisation_id, slug) in taken:
            slug, number = f"{base}-{number}", number + 1
        taken.add((policy.organisation_id, slug))
        policy.slug = slug
        policy.is_default = policy.service_id is None and policy.team_id is None
        policy.save(update_fields=["slug", "is_default"])
        for place in Responder.objects.filter(policy=policy).order_by("position"):
            step = PolicyStep.objects.create(
                policy=policy, position=place.position, after_seconds=policy.after_seconds
            )
            StepTarget.objects.create(step=step, user_id=place.user_id)


class Migration(migrations.Migration):

    dependencies = [
        ('incidents', '0004_schedules_and_steps'),
    ]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
