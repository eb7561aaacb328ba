from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('incidents', '0005_fill_policy_steps'),
    ]

    operations = [
        migrations.AlterField(
            model_name='escalationpolicy',
            name='slug',
            field=models.SlugField(max_length=80),
        ),
        migrations.RemoveField(
            model_name='escalationpolicy',
            name='after_seconds',
        ),
        migrations.AddConstraint(
            model_name='escalationpolicy',
            constraint=models.UniqueConstraint(fields=('organisation', 'slug'), name='escalation_policy_slug_once'),
        ),
        migrations.AddConstraint(
            model_name='escalationpolicy',
            constraint=models.UniqueConstraint(fields=('organisation', 'service'), name='escalation_policy_service_once'),
        ),
        migrations.AddConstraint(
            model_name='escalationpolicy',
            constraint=models.UniqueConstraint(fields=('organisation', 'team'), name='escalation_policy_team_once'),
        ),
        migrations.AddConstraint(
            model_name='escalationpolicy',
            constraint=models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('organisation',), name='escalation_policy_default_once'),
        ),
        migrations.AddConstraint(
            model_name='escalationpolicy',
            constraint=models.UniqueConstraint(condition=models.Q(('is_fallback', True)), fields=('organisation',), name='escalation_policy_fallback_once'),
        ),
        migrations.AddConstraint(
            model_name='escalationpolicy',
            constraint=models.CheckConstraint(condition=models.Q(('acknowledgements__gte', 1)), name='escalation_policy_one_answers'),
        ),
        migrations.DeleteModel(
            name='Responder',
        ),
    ]
