{{- define "etcdscope.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "etcdscope.selector" -}}
app.kubernetes.io/name: etcdscope
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "etcdscope.metadata" -}}
name: {{ include "etcdscope.name" . }}
namespace: {{ .Release.Namespace }}
{{ include "etcdscope.labels" . }}
{{- end -}}

{{- define "etcdscope.labels" -}}
labels:
  {{- include "etcdscope.selector" . | nindent 2 }}
  app.kubernetes.io/part-of: etcdscope
  app.kubernetes.io/managed-by: {{ .Release.Service }}
  app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
  helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* Names of what is not in a namespace, or in one that others share, tell of ours. */}}
{{- define "etcdscope.shared" -}}
{{- printf "%s-%s" .Release.Namespace (include "etcdscope.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "etcdscope.subject" -}}
subjects:
  - {kind: ServiceAccount, name: {{ include "etcdscope.name" . }}, namespace: {{ .Release.Namespace }}}
{{- end -}}
