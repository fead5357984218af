"""An example of the application's own Deployment that asks whether jobs are being run."""

from string import Template
from typing import Final

from maintcli.schedules.entry import Settings
from maintcli.schedules.targets.kubernetes.job import CONFIG, SECRET
from maintcli.schedules.targets.yaml.scalar import scalar

_READYZ: Final = Template("""\
# An example, and no part of the base: a pod of your application that is ready only while jobs are
# being run. Take over what is marked; maint must be installed in the application's image.
# A pod that is not ready gets no traffic. Where that is too much to ask of a job, let a Deployment
# of one pod with the image of maint, and without a Service, have this probe, and watch that.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: application
spec:
  replicas: 2
  selector:
    matchLabels:
      app.kubernetes.io/name: application
  template:
    metadata:
      labels:
        app.kubernetes.io/name: application
    spec:
      automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: application
          image: registry.example.com/application:1
          readinessProbe:  # take over
            exec:
              command: [maint, readyz, --only, jobs]
            periodSeconds: 60
            timeoutSeconds: 15
            failureThreshold: 3
          env:  # take over
            - name: JOB_HEARTBEAT_REQUIRED
              value: "true"
            - name: DATABASE_URL
              valueFrom:
                secretKeyRef:
                  name: $secret
                  key: database-url
            - name: MAINT_CONFIG
              value: /etc/maint/maint.toml
          resources:
            requests:
              cpu: 100m
              memory: 128Mi
            limits:
              memory: 256Mi
          securityContext:
            allowPrivilegeEscalation: false
            capabilities:
              drop: [ALL]
          volumeMounts:  # take over
            - name: maint
              mountPath: /etc/maint
              readOnly: true
      volumes:  # take over
        - name: maint
          configMap:
            name: $config
""")


def readyz(settings: Settings) -> str:
    """The file; one probe takes some 0.3 s of a processor."""
    return _READYZ.substitute(secret=scalar(settings.secret or SECRET), config=CONFIG)
