
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0002_api_tokens'),
        ('incidents', '0007_command_and_status_pages'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='shiftnotice',
            name='endpoint',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='incidents.pagerendpoint'),
        ),
        migrations.AlterField(
            model_name='shiftnotice',
            name='kind',
            field=models.CharField(choices=[('shift_begins', 'Shift begins'), ('shift_ends', 'Shift ends'), ('swap', 'Swap'), ('override', 'Override'), ('gap', 'Gap'), ('silence', 'Silence'), ('maintenance', 'Maintenance')], max_length=16),
        ),
        migrations.AlterField(
            model_name='shiftnotice',
            name='user',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='shift_notices', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='shiftnotice',
            constraint=models.UniqueConstraint(condition=models.Q(('user', None)), fields=('endpoint', 'decision'), name='shift_notice_room_once'),
        ),
    ]
