"""Login, logout and what a person sets for themselves: theme and time zone."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth import views as auth
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from observability.core import services
from observability.core.access import Request, viewed
from observability.core.forms import PreferencesForm, TokenForm
from observability.core.models import ApiToken

login = auth.LoginView.as_view(template_name="login.html", redirect_authenticated_user=True)
logout = auth.LogoutView.as_view()  # POST only
THEME_COOKIE_SECONDS = int(timedelta(days=365).total_seconds())


@viewed
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: Request) -> HttpResponse:
    initial = {
        "time_zone": request.user.time_zone,
        "theme": request.COOKIES.get("theme", "auto"),
        "display_name": request.user.display_name,
    }
    form = PreferencesForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        services.set_preferences(
            user=request.user, time_zone=form.cleaned_data["time_zone"], display_name=form.cleaned_data["display_name"]
        )
        messages.success(request, "Saved.")
        back = request.GET.get("next", "")
        response = redirect(
            back if url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}) else "preferences"
        )
        response.set_cookie(
            "theme", form.cleaned_data["theme"], max_age=THEME_COOKIE_SECONDS, samesite="Lax", httponly=True
        )
        return response
    return render(
        request, "preferences.html", {"here": "preferences", "form": form}, status=422 if form.errors else 200
    )


@viewed
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: Request) -> HttpResponse:
    """The tokens of the person who looks; a fresh one is shown in the answer to the form that made it, and never again."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    plain = ""
    if request.method == "POST" and form.is_valid():
        _, plain = services.create_token(
            organisation=request.organisation,
            user=request.user,
            name=form.cleaned_data["name"],
            read_only=form.cleaned_data["read_only"],
            expires_at=form.expires_at(request.moment),
            now=request.moment,
        )
        form = TokenForm()
    mine = ApiToken.objects.filter(organisation=request.organisation, user=request.user, revoked_at=None)
    page = {
        "here": "tokens",
        "form": form,
        "plain": plain,
        "tokens": mine.order_by("-created_at"),
        "now": request.moment,
    }
    return render(request, "tokens.html", page, status=422 if form.errors else 200)


@require_POST
@viewed
def revoke_token(request: Request, pk: int) -> HttpResponse:
    token = get_object_or_404(ApiToken, organisation=request.organisation, user=request.user, pk=pk)
    services.revoke_token(token=token, actor=request.actor, now=request.moment)
    messages.success(request, f"{token.name} opens nothing any more.")
    return redirect("tokens")
