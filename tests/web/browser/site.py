"""Every page of the site, once: what is listed here is quiet, fits a phone, and can be used by all.

A new page is one line. Names in braces are what the fixture `site` returns (test_every_page.py).
"""

PAGES = (
    "/",
    "/queue/",
    "/evaluations/",
    "/studies/new",
    "/studies/new?fork={done}",
    "/studies/new?try={hostile}:0",
    "/studies/reproduce",
    "/compare",
    "/compare?studies={done},{hostile}",
    "/studies/{draft}/",
    "/studies/{hostile}/#trial=0",
    "/studies/{failed}/",
    "/studies/{done}/#trial=1",
    "/studies/{done}/analysis/",
    "/studies/{done}/geometry/",
    "/studies/{done}/trials/1/",
    "/studies/{hostile}/trials/0/",
    "/studies/{done}/trials/1/chat/",
    "/studies/{done}/trials/1/chat/?chat={chat}",
    "/exports/{export}/",
    "/account/notifications/",
)
ADMIN_PAGES = (
    "/admin/",
    "/admin/studies/profile/",
    "/admin/studies/profile/add/",
    "/admin/studies/profile/{preset}/change/",
    "/admin/studies/profile/{preset}/history/",
    "/admin/studies/profile/{preset}/duplicate/",
    "/admin/studies/profile/compare/?left=refusals&right=mine",
    "/admin/studies/profile/import/",
    "/admin/studies/modeloverride/add/",
    "/admin/studies/promptset/{prompts}/change/",
    "/admin/studies/study/{done}/change/",
    "/admin/studies/job/",
    "/admin/studies/worker/",
    "/admin/studies/apitoken/",
    "/admin/auth/user/{user}/change/",
    "/admin/axes/accessattempt/",
)
OTHERS_PAGES = ("/api/v1/docs",)  # Swagger's own; they need only be quiet
MISSING, FORBIDDEN, LOGIN = "/nothing/", "/studies/new", "/accounts/login/"

# Faults of others' templates, by the selector of what has them; all else of those pages counts.
OTHERS_FAULTS = {
    "/admin/auth/user/{user}/change/": (
        ".selector",  # Django's two lists for permissions: names on spans, pale placeholders
        'a[href="../password/"]',  # Django's link to the password's form, told by colour alone
    ),
}
